export function Brand() {
  return (
    <span className="brand">
      <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
        <rect className="brand-tile" width="32" height="32" rx="8" />
        <path
          className="brand-line"
          d="M9 9v6a4 4 0 0 0 4 4h6a4 4 0 0 1 4 4"
          fill="none"
          strokeWidth="2.5"
        />
        <circle className="brand-start" cx="9" cy="8" r="3.5" />
        <circle className="brand-end" cx="23" cy="24" r="3.5" />
      </svg>
      <span>FlowMaestro</span>
    </span>
  );
}
