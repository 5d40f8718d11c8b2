// Plans of models in a worker.

import { SeedTensorsError } from "../src/index.ts";
import type { ConfigOptions, Model, ModelFiles, PlannedFile, RecipeOptions } from "../src/models.ts";

/** What the worker is to do with its model. */
export interface Request {
  call: "fromConfig" | "fromRecipe" | "index" | "config" | "head" | "bytes";
  given: unknown[];
}

export type Answer = { result: unknown } | { error: string };

/** A model's files and its number of parameters. */
export interface Plan {
  files: PlannedFile[];
  parameters: number;
}

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** A model in a worker, which answers one request after the other. */
export class Planner implements ModelFiles {
  /** The present worker, and itself once it listens. */
  #present: { worker: Worker; ready: Promise<Worker> } | undefined;
  #waiting: Waiting[] = [];
  #files: PlannedFile[] = [];

  /** Plans a config's files. Undefined if another plan was asked for before this one was there. */
  fromConfig(json: string, options: ConfigOptions): Promise<Plan | undefined> {
    return this.#plan("fromConfig", json, options);
  }

  /** Plans a recipe's files. Undefined if another plan was asked for before this one was there. */
  fromRecipe(toml: string, options: RecipeOptions): Promise<Plan | undefined> {
    return this.#plan("fromRecipe", toml, options);
  }

  files(): PlannedFile[] {
    return this.#files;
  }

  index(): Promise<ReturnType<Model["index"]>> {
    return this.#ask("index");
  }

  config(): Promise<ReturnType<Model["config"]>> {
    return this.#ask("config");
  }

  head(file: number): Promise<Uint8Array> {
    return this.#ask("head", file);
  }

  bytes(file: number, tensor: number, start: number, count: number): Promise<Uint8Array> {
    return this.#ask("bytes", file, tensor, start, count);
  }

  async #plan(call: Request["call"], ...given: unknown[]): Promise<Plan | undefined> {
    // a plan that is not there yet is of no use any more
    if (this.#waiting.length > 0) {
      this.#stop().forEach(({ resolve }) => resolve(undefined));
    }
    this.#files = [];
    const plan = await this.#ask<Plan | undefined>(call, ...given);
    this.#files = plan?.files ?? this.#files;
    return plan;
  }

  async #ask<Result>(call: Request["call"], ...given: unknown[]): Promise<Result> {
    const answer = new Promise<unknown>((resolve, reject) => this.#waiting.push({ resolve, reject }));
    this.#present ??= this.#start();
    void this.#present.ready.then((worker) => worker.postMessage({ call, given } satisfies Request));
    return answer as Promise<Result>;
  }

  #start(): { worker: Worker; ready: Promise<Worker> } {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    const ready = new Promise<Worker>((resolve) => {
      worker.addEventListener("message", ({ data }: MessageEvent<Answer | "ready">) => {
        if (data === "ready") {
          resolve(worker);
          return;
        }
        // what was on its way when the worker was stopped
        if (this.#present?.worker !== worker) {
          return;
        }
        const waiting = this.#waiting.shift()!;
        "error" in data ? waiting.reject(new SeedTensorsError(data.error)) : waiting.resolve(data.result);
      });
    });
    worker.addEventListener("error", ({ message }) => {
      const error = new Error(`the page's worker failed: ${message || "it does not say why"}`);
      this.#stop().forEach((waiting) => waiting.reject(error));
    });
    return { worker, ready };
  }

  /** Ends the worker, which then says nothing any more. Returns the requests that it did not answer. */
  #stop(): Waiting[] {
    this.#present?.worker.terminate();
    this.#present = undefined;
    return this.#waiting.splice(0);
  }
}
