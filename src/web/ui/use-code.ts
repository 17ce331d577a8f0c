/**
 * Components whose code comes when it is wanted. Not by React's lazy and Suspense: after a placeholder React holds back what
 * comes next until 300 ms have passed, so that a page whose code was there after 20 ms asked for its content after 300.
 */
import { type ComponentType, useEffect, useState } from "react";
import { renewStyles } from "./renew-styles.js";

/** The code of a component. */
export interface Code<Props> {
  /** Undefined until it has come. */
  readonly component: ComponentType<Props> | undefined;
  /** Has it come, once; again where that failed. */
  load(): Promise<ComponentType<Props>>;
}

/** The default export of the file that `load` imports. */
export function codeOf<Props>(
  load: () => Promise<{ readonly default: ComponentType<Props> }>,
): Code<Props> {
  let component: ComponentType<Props> | undefined;
  let loading: Promise<ComponentType<Props>> | undefined;
  return {
    get component() {
      return component;
    },
    load() {
      loading ??= withStyles(load).then(
        (file) => {
          component = file.default;
          return component;
        },
        (error) => {
          loading = undefined;
          throw new Error(NO_CODE, { cause: error });
        },
      );
      return loading;
    },
  };
}

/** A page that shares styles with one whose code did not come may lack them too. */
async function withStyles<File>(load: () => Promise<File>): Promise<File> {
  const [file] = await Promise.all([load(), renewStyles()]);
  return file;
}

const NO_CODE = "its code did not come. The server may be away, or was renewed since";

/** The component; undefined until its code has come. Throws to the boundary above where it cannot be loaded. */
export function useCode<Props>(code: Code<Props>): ComponentType<Props> | undefined {
  const [, setShown] = useState(() => code.component);
  const [failure, setFailure] = useState<Error | null>(null);
  useEffect(() => {
    // Also where it seems to be there: it may have come since this was rendered.
    code.load().then((component) => setShown(() => component), setFailure);
  }, [code]);
  if (failure !== null) throw failure;
  return code.component;
}
