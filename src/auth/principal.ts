/** Who calls: what is known of a verified token. */

/** What a project token may do. */
export type ScopeName = "ingest" | "read" | "manage";

export type Principal =
  | { readonly kind: "admin"; readonly tokenId: string }
  | {
      readonly kind: "project";
      readonly tokenId: string;
      readonly projectId: string;
      /** The project's key in the database; an int8 in decimal. */
      readonly projectKey: string;
      readonly scopes: ReadonlySet<ScopeName>;
      /** Calls a second that the project's tokens may make on one server; 0 means the server's default. */
      readonly callsPerSecond: number;
    };
