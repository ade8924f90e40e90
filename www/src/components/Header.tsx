import { useSession } from "../session";
import { Brand } from "./Brand";
import { ConnectionPill } from "./ConnectionPill";

export function Header() {
  const { user, signOut } = useSession();
  return (
    <header className="top">
      <a className="home" href="#/" aria-label="FlowMaestro, to the workflows">
        <Brand />
      </a>
      <ConnectionPill />
      <div className="who">
        <span className="who-name" data-testid="user-name">
          {user.name}
        </span>
        <button type="button" className="quiet" onClick={signOut}>
          Sign out
        </button>
      </div>
    </header>
  );
}
