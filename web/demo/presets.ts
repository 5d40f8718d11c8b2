// Configs to begin with: models of the papers, by the keys that their templates read.

const gpt2 = (n_embd: number, n_layer: number, n_head: number) => ({
  model_type: "gpt2", vocab_size: 50257, n_positions: 1024, n_embd, n_layer, n_head, layer_norm_epsilon: 1e-5,
  initializer_range: 0.02,
});
const bert = (hidden_size: number, num_hidden_layers: number, num_attention_heads: number) => ({
  model_type: "bert", vocab_size: 30522, hidden_size, num_hidden_layers, num_attention_heads,
  intermediate_size: 4 * hidden_size, max_position_embeddings: 512, type_vocab_size: 2, initializer_range: 0.02,
});
const llama = (hidden_size: number, intermediate_size: number, num_hidden_layers: number, num_attention_heads: number) => ({
  model_type: "llama", vocab_size: 32000, hidden_size, intermediate_size, num_hidden_layers, num_attention_heads,
  num_key_value_heads: num_attention_heads, max_position_embeddings: 2048, initializer_range: 0.02,
  tie_word_embeddings: false,
});
const vit = (hidden_size: number, num_hidden_layers: number, num_attention_heads: number) => ({
  model_type: "vit", hidden_size, num_hidden_layers, num_attention_heads, intermediate_size: 4 * hidden_size,
  image_size: 224, patch_size: 16, num_channels: 3, initializer_range: 0.02,
});

/** The configs by the model's name. */
export const PRESETS: Record<string, object> = {
  "GPT-2, 124 M": gpt2(768, 12, 12),
  "GPT-2 medium, 355 M": gpt2(1024, 24, 16),
  "GPT-2, tiny": gpt2(64, 2, 2),
  "BERT base, 109 M": bert(768, 12, 12),
  "BERT large, 335 M": bert(1024, 24, 16),
  "ViT base, 86 M": vit(768, 12, 12),
  "Llama, 160 M": llama(768, 3072, 12, 12),
  "Llama, 1.1 B": llama(2048, 5632, 22, 32),
};
