import type { HistoryEntry, HistoryPage, MemoryItem, MemoryPage } from ".";

/** As much as Rust gives at once. */
const PAGE = 50;

/** The conversations and memories of the scripted backend. */
export class ScriptedArchive {
  conversations: HistoryEntry[] = conversations(120);
  memories: MemoryItem[] = memories(7);

  find(query: string, offset: number): HistoryPage {
    const found = this.conversations
      .filter(({ title }) => title.toLowerCase().includes(query.toLowerCase()))
      .map((entry) => (query ? { ...entry, found: `… ${entry.title} …` } : entry));
    return { entries: found.slice(offset, offset + PAGE), total: found.length };
  }

  rename(id: string, title: string): void {
    this.conversations = this.conversations.map((entry) => (entry.id === id ? { ...entry, title, named: true } : entry));
  }

  remove(id: string): void {
    this.conversations = this.conversations.filter((entry) => entry.id !== id);
  }

  findMemories(query: string, offset: number): MemoryPage {
    const found = this.memories.filter(({ text }) => text.toLowerCase().includes(query.toLowerCase()));
    return { items: found.slice(offset, offset + PAGE), total: found.length };
  }

  editMemory(id: string, text: string): void {
    this.memories = this.memories.map((item) => (item.id === id ? { ...item, text } : item));
  }

  forgetMemory(id: string): void {
    this.memories = this.memories.filter((item) => item.id !== id);
  }
}

const TITLES = [
  "Good morning. Can you help me plan the walk on Saturday?",
  "Bread with less salt",
  "What does this error mean, and is it mine?",
  "Names for the boat",
];

function conversations(count: number): HistoryEntry[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `c${index + 1}`,
    title: index < TITLES.length ? (TITLES[index] ?? "") : `Conversation ${index + 1}`,
    named: index === 1,
    startedMs: Date.now() - (index + 1) * 86_400_000,
    lastMs: Date.now() - index * 86_400_000 - 600_000,
    turns: index === 0 ? 7 : 1 + ((index * 13) % 90),
    found: null,
  }));
}

function memories(count: number): MemoryItem[] {
  const texts = ["Walks on Saturdays with two friends.", "Does not like steep paths.", "The boat is called Tern.", "Bakes bread with 12 g of salt."];
  return Array.from({ length: count }, (_, index) => ({
    id: `m${index + 1}`,
    text: texts[index] ?? `Something else worth keeping, number ${index + 1}.`,
    atMs: Date.now() - index * 86_400_000,
  }));
}
