// The name and the colours that the creator chose.

import { renderMarkdown } from "./markdown";
import type { Appearance } from "./protocol";
import { setBubble, type View } from "./view";

/** The relative luminance of `#rrggbb`, 0 to 1, as the contrast rules of WCAG define it. */
function luminance(color: string): number {
  const channel = (at: number, weight: number) => {
    const value = parseInt(color.slice(at, at + 2), 16) / 255;
    return weight * (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  };
  return channel(1, 0.2126) + channel(3, 0.7152) + channel(5, 0.0722);
}

export function applyAppearance(
  view: View,
  welcome: HTMLElement,
  appearance: Appearance,
  prefersDark: boolean,
): void {
  const { name, primary_color: color } = appearance;
  view.title.textContent = name;
  view.avatar.textContent = ([...name][0] ?? "").toUpperCase();
  view.input.placeholder = appearance.placeholder;
  setBubble(welcome, renderMarkdown(appearance.welcome_message));
  if (!welcome.isConnected) view.log.prepend(welcome);

  const preferred = prefersDark ? "dark" : "light";
  const theme = appearance.theme === "auto" ? preferred : appearance.theme;
  const brightness = luminance(color);
  const isBright = brightness > 0.36;
  const set = (property: string, value: string) => view.host.style.setProperty(property, value);
  view.host.setAttribute("theme", theme);
  set("--accent", color);
  set("--on-accent", isBright ? "#15151a" : "#ffffff");
  set("--online", isBright ? "#0b6b35" : "#5ee27f");
  // A focus ring must contrast with the background, whatever colour the creator chose.
  const isWeak = theme === "dark" ? brightness < 0.12 : brightness > 0.3;
  set("--ring", isWeak ? "var(--dim)" : color);
  view.frame.className = `${appearance.position}${view.isOpen() ? " open" : ""}`;
  if (!view.isOpen()) view.launcher.setAttribute("aria-label", `Chat with ${name}`);
}
