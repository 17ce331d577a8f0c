/** Server reflection (v1 and v1alpha), so that grpcurl and the like work without proto files. */
import type { DescFile, DescService } from "@bufbuild/protobuf";
import { toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import type { Server } from "@grpc/grpc-js";
import { ReflectionService } from "@grpc/reflection";
import { service as healthService } from "grpc-health-check";

type Package = ConstructorParameters<typeof ReflectionService>[0];

/** Adds reflection of these services and of health. */
export function addReflection(server: Server, services: readonly DescService[]): void {
  const files = new Map<string, Buffer>();
  for (const service of services) collect(service.file, files);
  const health = Object.values(healthService)[0]?.requestType.fileDescriptorProtos ?? [];
  // The library reads nothing but the descriptors.
  const contents = { tally: { fileDescriptorProtos: [...files.values(), ...health] } };
  new ReflectionService(contents as unknown as Package).addToServer(server);
}

/** Dependencies first. */
function collect(file: DescFile, files: Map<string, Buffer>): void {
  const name = file.proto.name;
  if (files.has(name)) return;
  for (const dependency of file.dependencies) collect(dependency, files);
  files.set(name, Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto)));
}
