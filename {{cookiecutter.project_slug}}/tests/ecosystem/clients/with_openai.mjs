// Chats by OpenAI's own client for Node. Usage: with_openai.mjs URL CONVERSATION, the key in OPENAI_API_KEY.
import { readFileSync } from "node:fs";
import OpenAI from "openai";

const [url, file] = process.argv.slice(2);
const conversation = JSON.parse(readFileSync(file, "utf8"));
const client = new OpenAI({ baseURL: url, maxRetries: 0 });
const asked = { model: "chatbot", messages: conversation.question };
const whole = await client.chat.completions.create(asked);
let streamed = "";
const options = { stream: true, stream_options: { include_usage: true } };
for await (const chunk of await client.chat.completions.create({ ...asked, ...options })) {
  streamed += chunk.choices[0]?.delta.content ?? "";
}
const helper = await client.chat.completions.stream({ ...asked, ...options }).finalChatCompletion();
if (helper.choices[0].message.content !== streamed) throw new Error("the helper read another text");
const history = await client.chat.completions.create({ ...asked, messages: conversation.history });
await client.chat.completions.create({
  ...asked,
  messages: [...conversation.question, whole.choices[0].message, ...conversation.question],
});
console.log(
  JSON.stringify({
    whole: whole.choices[0].message.content,
    streamed,
    history: history.choices[0].message.content,
    finish: [whole.choices[0].finish_reason, helper.choices[0].finish_reason],
    tokens: [whole.usage.total_tokens, helper.usage.total_tokens],
  }),
);
