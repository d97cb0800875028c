// LangGraph's checkpoints: two runs of a graph continue one thread.

import { Annotation, StateGraph } from '@langchain/langgraph';
import { SqliteSaver } from '@langchain/langgraph-checkpoint-sqlite';

/** @param {any} db */
export default async function run(db) {
  const checkpointer = new SqliteSaver(db);
  const State = Annotation.Root({
    sum: Annotation({
      reducer: (/** @type {number} */ a, /** @type {number} */ b) => a + b,
      default: () => 0,
    }),
  });
  const graph = new StateGraph(State)
    .addNode('add', () => ({ sum: 10 }))
    .addEdge('__start__', 'add')
    .addEdge('add', '__end__')
    .compile({ checkpointer });
  const config = { configurable: { thread_id: 'one' } };
  await graph.invoke({ sum: 1 }, config);
  const { sum } = await graph.invoke({ sum: 1 }, config);
  let states = 0;
  for await (const _ of graph.getStateHistory(config)) states += 1;
  await checkpointer.deleteThread('one');
  return [sum, states > 3, await checkpointer.getTuple(config)];
}

export const expected = [22, true, undefined];
