//! What the tiny model can say.

use crate::tokenizer::Kind;

/// The token for "nothing is said here", as in Moshi's tokenizer.
pub(super) const PADDING: usize = 3;

/// One token.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) kind: Kind,
    /// Whether the model says it. All others are there because a real tokenizer has them.
    pub(super) said: bool,
}

/// Words, each a token with a space in front.
const WORDS: &str = "the of and to in is you that it he was for on are with as his they be at one have this from or \
    had by hot but some what there we can out other were all your when up use word how said an each she which do \
    their time if will way about many then them would write like so these her long make thing see him two has look \
    more day could go come did my sound no most number who over know water than call first people may down side been \
    now find any new work part take get place made live where after back little only round man year came show every \
    good me give our under name very through just form much great think say help low line before turn cause same \
    mean differ move right boy old too does tell sentence set three want air well also play small end put home read \
    hand port large spell add even land here must big high such follow act why ask men change went light kind off \
    need house picture try us again animal point mother world near build self earth father head stand own page \
    should country found answer school grow study still learn plant cover food sun four thought let keep eye never \
    last door between city tree cross since hard start might story saw far sea draw left late run while press close \
    night real life few stop open seem together next white children begin got walk example ease paper often always \
    music those both mark book letter until mile river car feet care second group carry took rain eat room friend \
    began idea fish mountain north once base hear horse cut sure watch color face wood main";

/// What stands behind a word.
const ENDINGS: &str = "s ed ing ly er est n't 're 'll";

/// All tokens in order: four that control, one for each byte, words, endings, marks.
pub(super) fn vocabulary() -> Vec<Piece> {
    let piece = |text: &str, kind, said| Piece { text: text.into(), kind, said };
    let mut pieces = vec![
        piece("<unk>", Kind::Unknown, false),
        piece("<s>", Kind::Control, false),
        piece("</s>", Kind::Control, false),
        piece("<pad>", Kind::Control, true),
    ];
    pieces.extend((0..=255).map(|byte| piece(&format!("<0x{byte:02X}>"), Kind::Byte, false)));
    pieces.extend(WORDS.split_whitespace().map(|word| piece(&format!(" {word}"), Kind::Normal, true)));
    pieces.extend(ENDINGS.split_whitespace().map(|ending| piece(ending, Kind::Normal, false)));
    pieces.extend([".", ",", "?"].map(|mark| piece(mark, Kind::Normal, true)));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_words_and_there_are_enough_of_them() {
        let pieces = vocabulary();
        assert_eq!(pieces[PADDING].text, "<pad>");
        assert_eq!(pieces[4 + 0xe2].text, "<0xE2>");
        let said: Vec<_> =
            pieces.iter().filter(|piece| piece.said).map(|piece| piece.text.as_str()).collect();
        assert!(said.len() > 300);
        let unique: std::collections::BTreeSet<_> = pieces.iter().map(|piece| &piece.text).collect();
        assert_eq!(unique.len(), pieces.len(), "no token twice");
    }
}
