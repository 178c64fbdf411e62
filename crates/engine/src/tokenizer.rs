//! The text tokenizer: a SentencePiece model, read and written.
//!
//! The file is one protocol buffer, `sentencepiece.ModelProto`; of it only the pieces are needed to say what a token
//! means. To make tokens of a text it also takes how the model was trained and how it normalizes.

mod bpe;
mod charsmap;
mod unigram;
mod vocabulary;
mod words;

use std::path::Path;

use prost::{Enumeration, Message};

use self::words::Speller;
pub use self::words::{Unspeakable, Word};
use crate::Error;

/// Largest file that is read, in bytes. That of Moshi has half a megabyte.
const MAX_FILE: u64 = 64 << 20;

/// What SentencePiece writes for a space.
const SPACE: char = '\u{2581}';

/// `sentencepiece.ModelProto`, as far as it is used here.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ModelProto {
    #[prost(message, repeated, tag = "1")]
    pub(crate) pieces: Vec<PieceProto>,
    #[prost(message, optional, tag = "2")]
    pub(crate) trainer_spec: Option<TrainerSpec>,
    #[prost(message, optional, tag = "3")]
    pub(crate) normalizer_spec: Option<NormalizerSpec>,
}

/// `sentencepiece.ModelProto.SentencePiece`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct PieceProto {
    #[prost(string, optional, tag = "1")]
    pub(crate) piece: Option<String>,
    #[prost(float, optional, tag = "2")]
    pub(crate) score: Option<f32>,
    #[prost(enumeration = "Kind", optional, tag = "3")]
    pub(crate) kind: Option<i32>,
}

/// `sentencepiece.TrainerSpec`, as far as it is used here.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TrainerSpec {
    #[prost(enumeration = "ModelType", optional, tag = "3")]
    pub(crate) model_type: Option<i32>,
    #[prost(int32, optional, tag = "4")]
    pub(crate) vocab_size: Option<i32>,
    #[prost(bool, optional, tag = "24")]
    pub(crate) treat_whitespace_as_suffix: Option<bool>,
    #[prost(bool, optional, tag = "35")]
    pub(crate) byte_fallback: Option<bool>,
}

/// `sentencepiece.NormalizerSpec`, as far as it is used here.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct NormalizerSpec {
    #[prost(bytes = "vec", optional, tag = "2")]
    pub(crate) precompiled_charsmap: Option<Vec<u8>>,
}

/// `sentencepiece.TrainerSpec.ModelType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub(crate) enum ModelType {
    Unigram = 1,
    Bpe = 2,
    Word = 3,
    Char = 4,
}

/// `sentencepiece.ModelProto.SentencePiece.Type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub(crate) enum Kind {
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

/// What the tokens of a model mean.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    /// UTF-8 bytes of each token. A token may hold part of a character only.
    pieces: Vec<Box<[u8]>>,
    /// Where the model is of a kind that can be written.
    speller: Option<Speller>,
}

impl Tokenizer {
    /// Reads a `.model` file.
    ///
    /// # Errors
    /// [`Error`] where the file is missing or no SentencePiece model.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let file = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::NotFound => Error::MissingFile { path: path.into() },
            _ => Error::File { path: path.into(), source },
        };
        if std::fs::metadata(path).map_err(file)?.len() > MAX_FILE {
            return Err(Error::Damaged {
                path: path.into(),
                reason: "it is too long for a tokenizer".into(),
            });
        }
        let bytes = std::fs::read(path).map_err(file)?;
        Self::parse(&bytes).map_err(|reason| Error::Damaged { path: path.into(), reason })
    }

    /// Reads the bytes of a `.model` file; fails with a reason in words.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let model =
            ModelProto::decode(bytes).map_err(|error| format!("it is no SentencePiece model ({error})"))?;
        if model.pieces.is_empty() {
            return Err("it is no SentencePiece model (it has no pieces)".into());
        }
        Ok(Self { pieces: model.pieces.iter().map(meaning).collect(), speller: Speller::of(&model) })
    }

    /// Whether texts can be made into tokens.
    #[must_use]
    pub fn encodes(&self) -> bool {
        self.speller.is_some()
    }

    /// The words of a text and their tokens, as SentencePiece makes them word by word. A text that is too long costs
    /// no more than a look at its length.
    ///
    /// # Errors
    /// [`Unspeakable`], a sentence for whoever sent the text.
    pub fn encode(&self, text: &str) -> Result<Vec<Word>, Unspeakable> {
        self.speller.as_ref().ok_or(Unspeakable::Unable)?.words(text)
    }

    /// The same of what somebody sent as UTF-8.
    ///
    /// # Errors
    /// As for [`encode`](Self::encode), and [`Unspeakable::NotText`].
    pub fn encode_bytes(&self, text: &[u8]) -> Result<Vec<Word>, Unspeakable> {
        words::check_length(text)?;
        self.encode(str::from_utf8(text).map_err(|_| Unspeakable::NotText)?)
    }

    /// Tokens that there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Whether there are none; a tokenizer that was read has some.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// UTF-8 bytes of a token, a leading space kept. Nothing for tokens that control, and for ones that do not exist.
    #[must_use]
    pub fn piece(&self, token: u32) -> &[u8] {
        self.pieces.get(token as usize).map_or(&[], |piece| piece)
    }
}

fn meaning(proto: &PieceProto) -> Box<[u8]> {
    let piece = proto.piece();
    match proto.kind.map_or(Ok(Kind::Normal), Kind::try_from) {
        Ok(Kind::Byte) => byte(piece).map(|byte| Box::from([byte])).unwrap_or_default(),
        Ok(Kind::Unknown | Kind::Control) => Box::default(),
        _ => piece.replace(SPACE, " ").into_bytes().into(),
    }
}

/// The byte that a piece like `<0xC3>` stands for.
fn byte(piece: &str) -> Option<u8> {
    u8::from_str_radix(piece.strip_prefix("<0x")?.strip_suffix('>')?, 16).ok()
}

/// Writes a `.model` file whose tokens are these pieces, a space in front written as one.
pub(crate) fn write_model<'a>(pieces: impl IntoIterator<Item = (&'a str, Kind)>) -> Vec<u8> {
    let pieces: Vec<_> = pieces
        .into_iter()
        .zip(0_u16..)
        .map(|((piece, kind), rank)| PieceProto {
            piece: Some(piece.replace(' ', &SPACE.to_string())),
            score: Some(-f32::from(rank)),
            kind: Some(kind.into()),
        })
        .collect();
    let trainer_spec = Some(TrainerSpec {
        vocab_size: i32::try_from(pieces.len()).ok(),
        byte_fallback: Some(true),
        ..TrainerSpec::default()
    });
    ModelProto { pieces, trainer_spec, normalizer_spec: None }.encode_to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tokens_mean_what_their_kind_says() {
        let model = write_model([
            ("<unk>", Kind::Unknown),
            ("<s>", Kind::Control),
            (" the", Kind::Normal),
            ("n't", Kind::UserDefined),
            ("<0xC3>", Kind::Byte),
            ("<0xzz>", Kind::Byte),
        ]);
        let tokenizer = Tokenizer::parse(&model).unwrap();
        assert_eq!(tokenizer.len(), 6);
        let pieces: Vec<_> = (0..8).map(|token| tokenizer.piece(token)).collect();
        assert_eq!(pieces, [&b""[..], b"", b" the", b"n't", b"\xc3", b"", b"", b""]);
    }

    #[test]
    fn files_by_sentencepiece_itself_are_read() {
        // ModelProto { pieces: { piece: "<unk>" score: 0 type: UNKNOWN } { piece: "\u{2581}a" score: -1 }
        //   trainer_spec {} normalizer_spec { name: "identity" } }
        let bytes = b"\n\x0e\n\x05<unk>\x15\0\0\0\0\x18\x02\n\x0b\n\x04\xe2\x96\x81a\x15\0\0\x80\xbf\x12\0\x1a\n\n\x08identity";
        let tokenizer = Tokenizer::parse(bytes).unwrap();
        assert_eq!((tokenizer.len(), tokenizer.piece(1)), (2, &b" a"[..]));
    }

    #[test]
    fn other_files_are_refused() {
        assert!(Tokenizer::parse(b"").is_err());
        assert!(Tokenizer::parse(b"{\"model\":{}}").is_err());
        let missing = Tokenizer::load(Path::new("/nowhere/tokenizer.model")).unwrap_err();
        assert_eq!(missing.code(), "engine.missing_file");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = Tokenizer::parse(&bytes);
        }
    }
}
