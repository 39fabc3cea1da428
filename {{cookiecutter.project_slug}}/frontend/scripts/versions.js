// Versions of a message stand beside each other: an edited question beside the first, another answer beside the earlier.

/** Return the versions of a message that is new: those of what it stands beside, and itself (null while it has no number). */
export function versionsWith(beside, id) {
  return [...(beside?.versions ?? []).filter((other) => other !== null), id];
}

/** Return the numbers of the version before a message and of the one after it, null where there is none. */
export function neighbours({ id, versions }) {
  const place = versions.indexOf(id);
  return { place, before: versions[place - 1] ?? null, after: versions[place + 1] ?? null };
}
