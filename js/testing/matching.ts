/**
 * Whether a value is as expected: objects may have more fields than expected, arrays not more
 * items.
 */
export function matches(actual: unknown, expected: unknown): boolean {
  if (typeof expected !== "object" || expected === null) return Object.is(actual, expected);
  if (typeof actual !== "object" || actual === null) return false;
  if (Array.isArray(expected) !== Array.isArray(actual)) return false;
  if (Array.isArray(expected) && expected.length !== (actual as unknown[]).length) return false;
  return Object.entries(expected).every(([name, value]) =>
    matches((actual as Record<string, unknown>)[name], value),
  );
}
