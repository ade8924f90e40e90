/** Shows what happens in an execution, which the page's address names. */
export function follow(websocket) {
  const { url, token, execution } = Object.fromEntries(new URLSearchParams(location.search));
  const output = document.querySelector("output");
  websocket.configure({ url, tokenPlacement: "subprotocol" });
  websocket.on("connection:subscribed", () => {
    output.dataset.subscribed = "true";
  });
  websocket.on("node:completed", ({ nodeId }) => {
    output.textContent = nodeId;
  });
  websocket.connect(token).catch((error) => {
    output.textContent = `${error.name} ${error.code}`;
  });
  websocket.subscribeToExecution(execution);
}
