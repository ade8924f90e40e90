import { websocket } from "flowmaestro-websocket";
import { Events } from "./events.js";

/** A server component: rendered for each request, since what it shows depends on the address. */
export default async function Page({ searchParams }) {
  const { url, token, execution } = await searchParams;
  return (
    <>
      <p>On the server: {websocket.state.status}.</p>
      <Events url={url} token={token} execution={execution} />
    </>
  );
}
