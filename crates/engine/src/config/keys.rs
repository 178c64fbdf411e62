//! The keys of `config.json`, as they stand there.

use serde::Deserialize;

/// Keys of the file. A key that is missing has the value of Moshi 7B.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub(super) struct Keys {
    pub(super) model_type: Option<String>,
    pub(super) dim: usize,
    pub(super) text_card: usize,
    pub(super) text_card_out: Option<usize>,
    pub(super) existing_text_padding_id: u32,
    pub(super) existing_text_end_padding_id: u32,
    pub(super) n_q: usize,
    pub(super) dep_q: usize,
    pub(super) card: usize,
    pub(super) num_heads: usize,
    pub(super) num_layers: usize,
    pub(super) hidden_scale: f64,
    pub(super) causal: bool,
    pub(super) layer_scale: Option<f64>,
    pub(super) context: Option<usize>,
    pub(super) max_period: f64,
    pub(super) gating: String,
    pub(super) norm: String,
    pub(super) positional_embedding: String,
    pub(super) depformer_dim: usize,
    pub(super) depformer_dim_feedforward: Option<usize>,
    pub(super) depformer_num_heads: usize,
    pub(super) depformer_num_layers: usize,
    pub(super) depformer_layer_scale: Option<f64>,
    pub(super) depformer_multi_linear: bool,
    pub(super) depformer_max_period: f64,
    pub(super) depformer_gating: String,
    pub(super) depformer_pos_emb: String,
    pub(super) depformer_weights_per_step: bool,
    pub(super) depformer_weights_per_step_schedule: Option<Vec<usize>>,
    pub(super) depformer_low_rank_embeddings: Option<usize>,
    pub(super) delays: Vec<usize>,
    pub(super) extra_heads_num_heads: usize,
    pub(super) extra_heads_dim: usize,
    pub(super) moshi_name: Option<String>,
    pub(super) mimi_name: Option<String>,
    pub(super) mimi_config_name: Option<String>,
    pub(super) tokenizer_name: Option<String>,
    pub(super) lm_gen_config: GenerationKeys,
    pub(super) stt_config: Option<RecogniserKeys>,
    // What changes the network in ways that are not built here.
    pub(super) quantize: bool,
    pub(super) lora: bool,
    pub(super) lora_name: Option<String>,
    pub(super) bias_proj: bool,
    pub(super) norm_emb: bool,
    pub(super) cross_attention: bool,
    pub(super) demux_second_stream: bool,
    pub(super) demux_second_text_stream: bool,
    pub(super) kv_repeat: usize,
    pub(super) depformer_norm: Option<String>,
    pub(super) conditioners: Option<serde_json::Map<String, serde_json::Value>>,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            model_type: None,
            dim: 4096,
            text_card: 32_000,
            text_card_out: None,
            existing_text_padding_id: 3,
            existing_text_end_padding_id: 0,
            n_q: 16,
            dep_q: 8,
            card: 2048,
            num_heads: 32,
            num_layers: 32,
            hidden_scale: 4.125,
            causal: true,
            layer_scale: None,
            context: Some(3000),
            max_period: 10_000.0,
            gating: "silu".into(),
            norm: "rms_norm_f32".into(),
            positional_embedding: "rope".into(),
            depformer_dim: 1024,
            depformer_dim_feedforward: None,
            depformer_num_heads: 16,
            depformer_num_layers: 6,
            depformer_layer_scale: None,
            depformer_multi_linear: true,
            depformer_max_period: 10_000.0,
            depformer_gating: "silu".into(),
            depformer_pos_emb: "none".into(),
            depformer_weights_per_step: true,
            depformer_weights_per_step_schedule: None,
            depformer_low_rank_embeddings: None,
            delays: vec![0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1],
            extra_heads_num_heads: 0,
            extra_heads_dim: 6,
            moshi_name: None,
            mimi_name: None,
            mimi_config_name: None,
            tokenizer_name: None,
            lm_gen_config: GenerationKeys::default(),
            stt_config: None,
            quantize: false,
            lora: false,
            lora_name: None,
            bias_proj: false,
            norm_emb: false,
            cross_attention: false,
            demux_second_stream: false,
            demux_second_text_stream: false,
            kv_repeat: 1,
            depformer_norm: None,
            conditioners: None,
        }
    }
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct GenerationKeys {
    pub(super) temp: Option<f32>,
    pub(super) temp_text: Option<f32>,
    pub(super) top_k: Option<usize>,
    pub(super) top_k_text: Option<usize>,
}

/// What a recogniser is; seconds.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct RecogniserKeys {
    pub(super) audio_delay_seconds: f64,
    pub(super) audio_silence_prefix_seconds: f64,
}
