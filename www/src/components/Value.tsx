const deepest = 3;

/** Any JSON value, readable: text as text, records as lists of names, deep ones as JSON. */
export function Value({ value, depth = 0 }: { readonly value: unknown; readonly depth?: number }) {
  if (typeof value === "string") return <span className="text">{value}</span>;
  if (typeof value === "number") return <span className="number">{value.toLocaleString()}</span>;
  if (typeof value !== "object" || value === null) return <span>{String(value)}</span>;
  if (depth >= deepest) return <pre className="json">{JSON.stringify(value, null, 2)}</pre>;
  if (Array.isArray(value)) {
    return (
      <ol className="value-list">
        {value.map((item, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a value that arrived never changes.
          <li key={i}>
            <Value value={item} depth={depth + 1} />
          </li>
        ))}
      </ol>
    );
  }
  return (
    <dl className="value-record">
      {Object.entries(value).map(([name, item]) => (
        <div key={name}>
          <dt>{spaced(name)}</dt>
          <dd>
            <Value value={item} depth={depth + 1} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** `wordCount` and `word_count` as `Word count`. */
function spaced(name: string): string {
  const words = name
    .replace(/([a-z\d])([A-Z])/g, "$1 $2")
    .replaceAll("_", " ")
    .toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
