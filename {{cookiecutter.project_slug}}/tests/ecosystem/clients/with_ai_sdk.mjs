// Chats by the AI SDK. Usage: with_ai_sdk.mjs URL CONVERSATION, the key in OPENAI_API_KEY.
import { readFileSync } from "node:fs";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, streamText } from "ai";

const [url, file] = process.argv.slice(2);
const conversation = JSON.parse(readFileSync(file, "utf8"));
const provider = createOpenAICompatible({
  name: "chatbot",
  baseURL: url,
  apiKey: process.env.OPENAI_API_KEY,
  includeUsage: true,
});
const asked = { model: provider("chatbot"), maxRetries: 0 };
const whole = await generateText({ ...asked, messages: conversation.question });
const stream = streamText({
  ...asked,
  messages: conversation.question,
  onError: ({ error }) => {
    throw error;
  },
});
let streamed = "";
for await (const text of stream.textStream) streamed += text;
const history = await generateText({ ...asked, messages: conversation.history });
await generateText({
  ...asked,
  messages: [...conversation.question, ...whole.response.messages, ...conversation.question],
});
console.log(
  JSON.stringify({
    whole: whole.text,
    streamed,
    history: history.text,
    finish: [whole.finishReason, await stream.finishReason],
    tokens: [whole.usage.totalTokens, (await stream.usage).totalTokens],
  }),
);
