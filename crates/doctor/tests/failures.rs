//! Known failures are recognised by the lines that programs were seen to write, and other lines are not.

use doctor::{Sign, recognise};

const SEEN: &[(&str, &str)] = &[
    (
        "torch.arch",
        "/opt/venv/lib/python3.12/site-packages/torch/cuda/__init__.py:235: UserWarning: NVIDIA GeForce RTX 5090 with CUDA capability sm_120 is not compatible with the current PyTorch installation.",
    ),
    ("torch.arch", "RuntimeError: CUDA error: no kernel image is available for execution on the device"),
    ("python.weight-scb", "AssertionError: Expected `weight_scb` to have type float, but got bfloat16"),
    (
        "cuda.out-of-memory",
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 88.00 MiB. GPU 0 has a total capacity of 10.91 GiB of which 61.25 MiB is free.",
    ),
    ("cuda.out-of-memory", "Error: DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")"),
    (
        "personaplex.cpu-offload",
        "RuntimeError: Expected all tensors to be on the same device, but found at least two devices, meta and cuda:0!",
    ),
    ("python.no-accelerate", "ModuleNotFoundError: No module named 'accelerate'"),
    ("personaplex.meta-tensor", "NotImplementedError: Cannot copy out of meta tensor; no data!"),
    ("personaplex.meta-tensor", "RuntimeError: Missing key(s) in state_dict: \"depformer_emb.7.weight\"."),
    ("triton.windows", "RuntimeError: Windows not yet supported for torch.compile"),
    (
        "triton.capability",
        "RuntimeError: Found NVIDIA GeForce GTX 1080 Ti which is too old to be supported by the triton GPU compiler, which is used as the backend.",
    ),
    ("triton.missing", "ModuleNotFoundError: No module named 'triton'"),
    (
        "triton.missing",
        "torch._inductor.exc.TritonMissing: Cannot find a working triton installation. Either the package is not installed or it is too old.",
    ),
    ("torch.no-cuda", "AssertionError: Torch not compiled with CUDA enabled"),
    (
        "cuda.no-gpu",
        "RuntimeError: Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and installed a driver from http://www.nvidia.com/Download/index.aspx",
    ),
    ("cuda.old-driver", "RuntimeError: The NVIDIA driver on your system is too old (found version 11040)."),
    (
        "cuda.no-libraries",
        "./moshi-backend: error while loading shared libraries: libcublas.so.12: cannot open shared object file: No such file or directory",
    ),
    (
        "backend.capability",
        "Error: DriverError(CUDA_ERROR_NOT_FOUND, \"named symbol not found\") when loading cast_f32_bf16",
    ),
    (
        "hf.not-accepted",
        "Access to model nvidia/personaplex-7b-v1 is restricted and you are not in the authorized list. Visit https://huggingface.co/nvidia/personaplex-7b-v1 to ask for access.",
    ),
    ("hf.gated", "huggingface_hub.errors.GatedRepoError: 401 Client Error. (Request ID: Root=1-67)"),
    (
        "hf.gated",
        "Cannot access gated repo for url https://huggingface.co/nvidia/personaplex-7b-v1/resolve/main/config.json.",
    ),
    (
        "hf.unreachable",
        "OSError: We couldn't connect to 'https://huggingface.co' to load the files, and couldn't find them in the cached files.",
    ),
    (
        "hf.unreachable",
        "requests.exceptions.ConnectionError: (MaxRetryError(\"HTTPSConnectionPool(host='huggingface.co', port=443): Max retries exceeded\"))",
    ),
    (
        "model.truncated",
        "tensor 'transformer.layers.31.gating.linear_out.weight' data is not within the file bounds, model is corrupted or incomplete",
    ),
    ("model.truncated", "Error: failed to fill whole buffer"),
    (
        "model.truncated",
        "safetensors_rust.SafetensorError: Error while deserializing header: MetadataIncompleteBuffer",
    ),
    (
        "model.other-layout",
        "Error: cannot find tensor depformer.0.transformer.layers.0.gating.linear_in.weight",
    ),
    ("python.no-moshi", "/usr/bin/python3: No module named moshi"),
    (
        "python.no-moshi",
        "/usr/bin/python3: Error while finding module specification for 'moshi.server' (ModuleNotFoundError: No module named 'moshi')",
    ),
    ("python.no-torch", "ModuleNotFoundError: No module named 'torch'"),
    ("python.no-bitsandbytes", "ModuleNotFoundError: No module named 'bitsandbytes'"),
    ("lib.sentencepiece", "ModuleNotFoundError: No module named 'sentencepiece'"),
    ("lib.sentencepiece", "  ERROR: Failed building wheel for sentencepiece"),
    ("lib.opus", "ImportError: libopus.so.0: cannot open shared object file: No such file or directory"),
    ("lib.opus", "  The system library `opus` required by crate `audiopus_sys` was not found."),
    ("lib.opus", "  ERROR: Failed building wheel for sphn"),
    ("personaplex.prompts", "KeyError: 'voice_prompt'"),
    ("personaplex.prompts", "KeyError: \"Key not found: 'text_prompt'\""),
    ("personaplex.seed", "KeyError: 'seed'"),
    ("personaplex.seed", "    seed = int(request[\"seed\"]) if \"seed\" in request.query else None"),
    (
        "personaplex.voice",
        "FileNotFoundError: Requested voice prompt 'NATF9.pt' not found in '/root/.cache/voices'",
    ),
    ("personaplex.race", "TypeError: copy_(): argument 'other' (position 1) must be Tensor, not NoneType"),
    ("backend.ping", "ERROR moshi_backend::stream_both: recv_loop err unexpected msg type 112"),
    ("backend.wants-tls", "Error: received corrupt message of type InvalidContentType"),
    ("client.heartbeat", "TypeError: 'ServerTimeoutError' object is not subscriptable"),
    (
        "url.too-long",
        "aiohttp.http_exceptions.LineTooLong: 400, message: Got more than 8190 bytes (9120) when reading Status line is too long.",
    ),
    (
        "docker.no-nvidia",
        "docker: Error response from daemon: could not select device driver \"\" with capabilities: [[gpu]].",
    ),
    (
        "docker.refused",
        "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock",
    ),
    (
        "docker.stopped",
        "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
    ),
    (
        "docker.no-image",
        "docker: Error response from daemon: pull access denied for mycosoft/moshi-voice, repository does not exist",
    ),
    (
        "port.taken",
        "OSError: [Errno 98] error while attempting to bind on address ('0.0.0.0', 8998): address already in use",
    ),
    (
        "port.taken",
        "OSError: [WinError 10048] Only one usage of each socket address (protocol/network address/port) is normally permitted",
    ),
    ("port.taken", "Error: Address already in use (os error 98)"),
    ("port.taken", "Bind for 127.0.0.1:8998 failed: port is already allocated"),
    ("disk.full", "OSError: [Errno 28] No space left on device"),
    (
        "ram.out-of-memory",
        "RuntimeError: [enforce fail at alloc_cpu.cpp:114] data. DefaultCPUAllocator: can't allocate memory: you tried to allocate 134217728 bytes.",
    ),
    ("ram.out-of-memory", "memory allocation of 536870912 bytes failed"),
    ("cpu.no-simd", "Illegal instruction (core dumped)"),
];

/// What the same programs write when all is well, or of something else.
const USUAL: &[&str] = &[
    "[Info] loading mimi",
    "[Info] moshi loaded",
    "[Info] warming up the model",
    "[Info] Access the Web UI directly at http://localhost:8998",
    "======== Running on http://localhost:8998 ========",
    "[Info] accepted connection",
    "[Info] done with system prompts",
    "[Info] text prompt: <system> You know all about the seed 42 and voice_prompt keys. <system>",
    "[Warn] unknown message kind 2",
    "ModuleNotFoundError: No module named 'moshinet'",
    "ModuleNotFoundError: No module named 'numpy'",
    "ModuleNotFoundError: No module named 'torchaudio'",
    "GET /api/chat?text_prompt=hello&voice_prompt=NATF2.pt HTTP/1.1 101",
    "Downloading model-00401-of-01000.safetensors from https://example.org/401",
    "INFO moshi_backend::standalone: listening on https://0.0.0.0:8998",
    "transformer.layers.0.self_attn.in_proj_weight torch.bfloat16",
    "NVIDIA GeForce RTX 4080, compute capability 8.9, 16 GB",
    "",
];

#[test]
fn what_was_seen_is_recognised() {
    for (code, line) in SEEN {
        let known = recognise(line).unwrap_or_else(|| panic!("{code} is not recognised: {line}"));
        assert_eq!(known.code, *code, "{line}");
        assert_eq!(known.sign, Sign::Failure, "{line}");
        assert!(known.what.ends_with('.') && known.next.says.ends_with('.'), "{code} is told in sentences");
    }
}

#[test]
fn what_is_usual_is_no_failure() {
    for line in USUAL {
        assert_eq!(recognise(line), None, "{line}");
    }
}

#[test]
fn a_download_is_a_failure_only_where_nothing_follows_it() {
    let known = recognise("[Info] retrieving checkpoint").unwrap();
    assert_eq!((known.code, known.sign), ("download.stalled", Sign::IfNothingFollows));
}

#[test]
fn colours_and_the_ends_of_lines_make_no_difference() {
    for line in [
        "/usr/bin/python3: No module named moshi\r\n",
        "\u{1b}[1;31m[Error]\u{1b}[0m ModuleNotFoundError: No module named 'moshi'\u{1b}[0m",
        "\u{1b}[31mModuleNotFoundError: No module \u{1b}[1mnamed 'moshi'\u{1b}",
    ] {
        assert_eq!(recognise(line).map(|known| known.code), Some("python.no-moshi"), "{line:?}");
    }
}

#[test]
fn a_line_without_end_is_looked_at_no_further_than_needed() {
    let late = format!("{}é CUDA out of memory", "é".repeat(100_000));
    assert_eq!(recognise(&late), None, "what is that far is not looked at");
    let early = format!("CUDA out of memory {}", "é".repeat(100_000));
    assert!(recognise(&early).is_some());
}
