// A page that is loaded again does not know any more which output a display id belongs to, so what a running cell shows would stand still. A progress that
// can be cancelled has its display id in its state: it goes on.

import { mimeOf } from './mime.js';

// revive changes outputs of a notebook by the messages of its kernel that the page itself has no place for. seen are the display ids that it has.
export function revive(notebook, message, seen) {
  const { msg_type: type } = message.header;
  const id = message.content.transient && message.content.transient.display_id;
  if (!id) return;
  if (type !== 'update_display_data') {
    seen.add(id);
    return;
  }
  if (seen.has(id)) return;
  const kind = mimeOf('progress');
  for (const cell of notebook.cells) {
    const { outputs } = cell;
    for (let i = 0; outputs && i < outputs.length; i++) {
      const output = outputs.get(i);
      if (output.data && output.data[kind] && output.data[kind].id === id) output.setData({ data: message.content.data });
    }
  }
}
