/** Who calls: what is known of a verified token. */

/** The bits in which `tokens.scopes` stores what a project token may do. */
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
    };
