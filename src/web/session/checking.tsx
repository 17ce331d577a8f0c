import { useEffect, useState } from "react";

/** What is shown while the server is asked who is there: nothing at first, since the answer is mostly there at once. */
export function Checking() {
  const [isSlow, setSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), SLOW_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <main className="sign-in">
      <h1 className="unseen">Tally</h1>
      <p role="status">{isSlow && "The server is asked who you are. This takes unusually long."}</p>
    </main>
  );
}

const SLOW_MS = 1_000;
