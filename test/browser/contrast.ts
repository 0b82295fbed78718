import type { Page } from "playwright-core";

/** Text that is too pale for its ground: `selector: ratio`. */
export async function paleTexts(page: Page, leastRatio: number): Promise<readonly string[]> {
  return page.evaluate<readonly string[]>(`(${FIND_PALE_TEXTS})(${leastRatio})`);
}

/** In the page: WCAG's contrast of every element that has text of its own and is to be seen, against the first ground behind it. */
const FIND_PALE_TEXTS = `(least) => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const groundOf = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255, 255];
  };
  const pale = new Set();
  for (const element of document.body.querySelectorAll("*")) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== "");
    if (!hasText || !element.checkVisibility({ visibilityProperty: true }) || element.closest(".vh, .skip, script, noscript, svg")) continue;
    const [light, dark] = [luminance(rgba(getComputedStyle(element).color)), luminance(groundOf(element))].sort((a, b) => b - a);
    const ratio = (light + 0.05) / (dark + 0.05);
    if (ratio < least) pale.add(element.tagName.toLowerCase() + "." + element.className + ": " + ratio.toFixed(2));
  }
  return [...pale];
}`;
