/** Ids that a request must give. */
import { invalidArgument } from "../../errors.js";

/** Throws INVALID_ARGUMENT for an empty id. Any other text is looked up, and may be NOT_FOUND. */
export function requireId(field: string, id: string): void {
  if (id === "") throw invalidArgument([{ field, description: "is required" }]);
}
