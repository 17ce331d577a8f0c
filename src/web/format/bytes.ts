/** 1536 as `1.5 KiB`. */
export function formatBytes(bytes: bigint): string {
  let size = Number(bytes);
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (size < 1024) return `${unit === "B" ? size : size.toFixed(1)} ${unit}`;
    size /= 1024;
  }
  return `${size.toFixed(1)} TiB`;
}
