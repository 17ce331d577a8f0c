/**
 * bcrypt in a thread of its own: a hash of cost 10 takes some 70 ms, and bcryptjs's asynchronous form holds
 * the event loop for all of it.
 */
import { parentPort } from "node:worker_threads";
import bcrypt from "bcryptjs";

/** @typedef {import("./secret-hasher.js").BcryptTask} BcryptTask */
/** @typedef {import("./secret-hasher.js").BcryptAnswer} BcryptAnswer */

parentPort?.on("message", (/** @type {BcryptTask} */ task) => {
  parentPort?.postMessage(work(task));
});

/**
 * @param {BcryptTask} task
 * @returns {BcryptAnswer}
 */
function work(task) {
  try {
    return task.hash === undefined
      ? { hash: bcrypt.hashSync(task.secret, task.cost) }
      : { matches: bcrypt.compareSync(task.secret, task.hash) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
