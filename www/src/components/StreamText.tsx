import type { NodeState } from "flowmaestro-websocket";
import { useId, useLayoutEffect, useRef } from "react";

interface Props {
  readonly title: string;
  readonly node: NodeState;
}

/** Text as it streams in. It follows its end, unless the reader has scrolled away from it. */
export function StreamText({ title, node: { text, status } }: Props) {
  const heading = useId();
  const box = useRef<HTMLElement>(null);
  const following = useRef(true);

  // By hand, as React would replace the whole text each time and drop what the reader selected.
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    appendTo(element, text);
    if (following.current) element.scrollTop = element.scrollHeight;
  }, [text]);

  return (
    <section className="card stack" aria-labelledby={heading}>
      <h2 id={heading}>{title}</h2>
      <section
        ref={box}
        className={status === "running" ? "stream live" : "stream"}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and so must the keyboard.
        tabIndex={0}
        onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
          following.current = scrollHeight - scrollTop - clientHeight < 24;
        }}
        aria-label={`Text of ${title}`}
        data-testid="stream"
      />
    </section>
  );
}

function appendTo(element: HTMLElement, text: string): void {
  const shown = element.firstChild;
  if (shown instanceof Text && text.startsWith(shown.data)) {
    if (text.length > shown.data.length) shown.appendData(text.slice(shown.data.length));
  } else {
    element.textContent = text;
  }
}
