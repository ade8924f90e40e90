// What many measurements come to.

/** The value that half of the samples are below. */
export function median(samples) {
  return quantile(samples, 0.5);
}

/** The value that this share of the samples is below, interpolated. */
export function quantile(samples, share) {
  if (samples.length === 0) throw new Error("no samples");
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)];
  const above = sorted[Math.ceil(at)];
  return below + (above - below) * (at - Math.floor(at));
}
