// The worker of planner.ts: it holds the model. A large config takes seconds, in which the page goes on.

import { Model } from "../src/models.ts";
import type { Answer, Plan, Request } from "./planner.ts";

let model: Model | undefined;

function answer({ call, given }: Request): unknown {
  if (call === "fromConfig" || call === "fromRecipe") {
    model?.free();
    // none, if the next line throws
    model = undefined;
    model = (Model[call] as (...given: unknown[]) => Model)(...given);
    return { files: model.files(), parameters: model.parameters } satisfies Plan;
  }
  return (model![call] as (...given: unknown[]) => unknown)(...given);
}

self.addEventListener("message", ({ data }: MessageEvent<Request>) => {
  try {
    postMessage({ result: answer(data) } satisfies Answer);
  } catch (error) {
    postMessage({ error: error instanceof Error ? error.message : String(error) } satisfies Answer);
  }
});

// the page sends nothing before this
postMessage("ready");
