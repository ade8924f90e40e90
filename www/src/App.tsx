import { useCallback, useMemo, useState } from "react";
import { Api, type SignedIn } from "./api";
import { SignIn } from "./components/SignIn";
import { Workspace } from "./components/Workspace";
import { SessionContext, storedUser, storeUser } from "./session";

export function App() {
  const [user, setUser] = useState(storedUser);
  const [notice, setNotice] = useState<string>();

  const enter = useCallback((next: SignedIn | undefined, why?: string) => {
    storeUser(next);
    setUser(next);
    setNotice(why);
  }, []);

  const session = useMemo(
    () =>
      user && {
        user,
        api: new Api(user.token, () => enter(undefined, "Your sign-in has ended. Sign in again.")),
        signOut: () => enter(undefined),
      },
    [user, enter],
  );

  if (!session) return <SignIn notice={notice} onSignedIn={enter} />;
  return (
    <SessionContext value={session}>
      <Workspace />
    </SessionContext>
  );
}
