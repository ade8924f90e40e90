import { websocket } from "flowmaestro-websocket";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import "./styles.css";

// Out of the address, so that no log of a server or proxy on the way holds it.
websocket.configure({ tokenPlacement: "subprotocol" });

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no element with the id root");
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
