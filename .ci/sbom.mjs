// dist/sbom.cdx.json: the bill of materials (CycloneDX 1.6) of what is bundled. It has no time and no random number: the same
// sources give the same bytes.

/**
 * The bill's text. `packages`: each with its path below the root (`node_modules/zod`), name, version and license. Throws where
 * package-lock.json does not know one as it was bundled: then something else than the lock says would be shipped.
 */
export function sbomOf(packages, lock) {
  const { name, version, license, devDependencies = {} } = lock.packages[""];
  const refs = new Map(packages.map((one) => [one.path, purl(one)]));
  const own = purl({ name, version });
  const dependsOn = (names, from) =>
    [...new Set(names.flatMap((wanted) => refs.get(resolved(wanted, from, lock)) ?? []))].sort();
  const components = packages.map((one) => ({
    type: "library",
    "bom-ref": purl(one),
    name: one.name,
    version: one.version,
    hashes: [{ alg: "SHA-512", content: sha512Of(one, lock) }],
    licenses: licences(one.license),
    purl: purl(one),
  }));
  const bill = {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      lifecycles: [{ phase: "build" }],
      component: { type: "application", "bom-ref": own, name, version, licenses: licences(license), purl: own },
    },
    components,
    dependencies: [
      { ref: own, dependsOn: dependsOn(Object.keys(devDependencies), "") },
      ...packages.map(({ path }) => ({
        ref: refs.get(path),
        dependsOn: dependsOn(Object.keys(lock.packages[path].dependencies ?? {}), path),
      })),
    ],
  };
  return `${JSON.stringify(bill, undefined, 2)}\n`;
}

/** What the lock says of a package's archive, in hex. */
function sha512Of({ path, name, version }, { packages }) {
  const locked = packages[path];
  const digest = /^sha512-([A-Za-z0-9+/=]+)$/.exec(locked?.integrity ?? "")?.[1];
  if (locked?.version !== version || digest === undefined)
    throw new Error(
      `${name} ${version} is bundled, but package-lock.json has ${locked?.version ?? "none"}: run npm ci`,
    );
  return Buffer.from(digest, "base64").toString("hex");
}

/** Where Node finds `name` from the package at `from`: beside it or above. */
function resolved(name, from, { packages }) {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf("/node_modules/")))) {
    const path = `${folder}${folder === "" ? "" : "/"}node_modules/${name}`;
    if (packages[path] !== undefined || folder === "") return path;
  }
}

function purl({ name, version }) {
  return `pkg:npm/${name.replace("@", "%40")}@${version}`;
}

function licences(license) {
  return [/ (OR|AND|WITH) /.test(license) ? { expression: license } : { license: { id: license } }];
}
