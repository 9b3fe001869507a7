import type { Interest, ProcessId, SpecFile } from "../contract/index.ts";
import type { Context } from "./context.ts";

/** The session and the task a process belongs to. */
export type Belongs = { readonly session: string | null; readonly task: string | null };

/** The session that a process belongs to now: the one that it was handed over to, else the one that started it. */
export function ownerOf(spec: SpecFile | null, interest: Interest | null): Belongs {
  if (interest !== null) return { session: interest.session, task: interest.task };
  return { session: spec?.owner.session ?? null, task: spec?.owner.task ?? null };
}

/** As {@link ownerOf} for many processes, with one look at the store. */
export function owners(context: Context): (id: ProcessId, spec: SpecFile | null) => Belongs {
  const handed = new Map(
    context.store
      .ifThere()
      ?.interests.list()
      .map((interest) => [interest.process_id, interest]),
  );
  return (id, spec) => ownerOf(spec, handed.get(id) ?? null);
}

/** Whom to look for. With both, one of the session is found as well when it belongs to another task. */
export type OwnerFilter = { readonly session?: string; readonly task?: string };

/** Whether a process is meant: by its task, or by its session alone (`session`). */
export function meant(owner: Belongs, filter: OwnerFilter): "task" | "session" | null {
  if (filter.task !== undefined && owner.task === filter.task) return "task";
  if (filter.session !== undefined && owner.session === filter.session) return "session";
  return null;
}
