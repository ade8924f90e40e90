import { createContext, useContext } from "react";

export interface Auth {
  user: { name: string } | null;
}

export const AuthContext = createContext<Auth>({ user: null });

export const useAuth = () => useContext(AuthContext);
