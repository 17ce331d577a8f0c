/** Kept refusals for the commands that list them. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type ListRejectionsResponse,
  ListRejectionsResponseSchema,
  type RejectionFilterSchema,
} from "../../gen/tally/v1/rejection_service_pb.js";
import { limits } from "../limits.js";
import type { Context } from "./context.js";

/** The newest that match, up to `limit` and a page's number of them: a page of the server also ends at its bytes. */
export async function listRejections(
  { client, projectId }: Context,
  filter: MessageInitShape<typeof RejectionFilterSchema>,
  limit: number,
): Promise<ListRejectionsResponse> {
  const count = Math.min(limit, limits.pageSizeMax);
  const all = create(ListRejectionsResponseSchema);
  do {
    const pageSize = count - all.rejections.length;
    const request = { projectId, filter, pageSize, pageToken: all.nextPageToken };
    const { rejections, nextPageToken } = await client.rejections.listRejections(request);
    all.rejections.push(...rejections);
    all.nextPageToken = nextPageToken;
  } while (all.nextPageToken !== "" && all.rejections.length < count);
  return all;
}
