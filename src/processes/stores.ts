import { homePaths } from "../contract/index.ts";
import type { Store } from "../store/index.ts";
import type { System } from "../system/index.ts";
import { standsAt } from "./folder.ts";
import { lazily } from "./lazy.ts";

/** The home's store, opened when it is first needed: a home in which nobody ever asked to be told of anything has none. */
export class LazyStore {
  readonly #home: string;
  readonly #system: System;
  #store: Store | null = null;

  constructor(options: { readonly home: string; readonly system: System }) {
    this.#home = options.home;
    this.#system = options.system;
  }

  /** Makes it if there is none. Throws what `openStore` throws. */
  open(): Store {
    this.#store ??= lazily.store().openStore({ home: this.#home, system: this.#system });
    return this.#store;
  }

  /** Null while there is none, which tells that nothing was ever stored. */
  ifThere(): Store | null {
    return this.#store !== null || standsAt(this.#system.files, homePaths(this.#home).store) ? this.open() : null;
  }

  close(): void {
    this.#store?.[Symbol.dispose]();
    this.#store = null;
  }
}
