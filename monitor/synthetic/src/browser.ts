import type { Door } from "./door.ts";

/**
 * Makes this process as much of a browser as Zero needs: sockets that go through `door`, and a page that is always looked
 * at. Without a page Zero waits for its hiding on one promise for all clients, which then keeps all that ever were.
 */
export function pretendToBeABrowser(door: Door): void {
  const nothing = () => undefined;
  Object.assign(globalThis, {
    WebSocket: door.socketClass(),
    document: { visibilityState: "visible", addEventListener: nothing, removeEventListener: nothing },
  });
}
