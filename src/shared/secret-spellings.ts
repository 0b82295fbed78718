/** A secret as it may come back in an answer: as it is, as JSON writes it, and as a URL does, with either case of hex digits. */
export function secretSpellings(secret: string): readonly string[] {
  const sound = secret.replace(/[\ud800-\udfff]/gu, "\ufffd");
  const inJson = JSON.stringify(secret).slice(1, -1);
  const inUrls = [encodeURI(sound), encodeURIComponent(sound)];
  return [
    ...new Set([
      secret,
      inJson,
      inJson.replaceAll("/", "\\/"),
      ...inUrls,
      ...inUrls.map((text) => text.replace(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase())),
    ]),
  ];
}
