// Collects what goes wrong in a page. To miss nothing, it is the first script of the page, and keeps what
// it has collected for the time after a reload.
(() => {
  const KEY = "problems";
  const collected = () => JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
  const collect = (problem) =>
    sessionStorage.setItem(KEY, JSON.stringify([...collected(), problem]));

  // Captured on its way: what does not load tells only its own element.
  addEventListener("error", told, { capture: true });
  function told({ message, target }) {
    collect(message ?? `${target.outerHTML} does not load`);
  }
  addEventListener("unhandledrejection", ({ reason }) => collect(`not handled: ${reason}`));
  addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) =>
    collect(`${effectiveDirective} forbids ${blockedURI}`),
  );
  const { error } = console;
  console.error = (...what) => {
    collect(`console.error: ${what.join(" ")}`);
    error.apply(console, what);
  };

  /** All that has gone wrong, each as a text. */
  globalThis.problems = collected;
})();
