import type { ReactNode } from "react";
import { useAuth } from "../contexts/AuthContext";
import { useWebSocket } from "../hooks/useWebSocket";

function ConnectionIndicator() {
  return <span>live</span>;
}

export function AppLayout({ children }: { children: ReactNode }) {
  const { user } = useAuth();
  const token = localStorage.getItem("auth_token");

  // Connect WebSocket with authentication
  const { isConnected } = useWebSocket(token);

  return (
    <>
      {isConnected && <ConnectionIndicator />}
      {user && <span>{user.name}</span>}
      {children}
    </>
  );
}
