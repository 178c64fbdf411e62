//! What both x86-64 sets of instructions have in common.

/// Makes a function that anybody may call out of one for certain instructions. It is private to a table.
macro_rules! here {
    ($function:path, |$($argument:ident: $kind:ty),*|) => {{
        fn call($($argument: $kind),*) {
            // SAFETY: a table is used only where its `is_there` says so.
            unsafe { $function($($argument),*) }
        }
        call
    }};
}
pub(super) use here;

/// The table of a module whose functions need certain instructions.
macro_rules! table {
    ($name:literal) => {
        Kernels {
            name: $name,
            f32: here!(f32_row, |row: &[u8], columns: &[&[f32]], out: &mut [f32]|),
            f16: here!(f16_row, |row: &[u8], columns: &[&[f32]], out: &mut [f32]|),
            bf16: here!(bf16_row, |row: &[u8], columns: &[&[f32]], out: &mut [f32]|),
            q4_0: here!(q4_0, |row: &[u8], columns: &Columns<'_>, out: &mut [f32]|),
            q8_0: here!(q8_0, |row: &[u8], columns: &Columns<'_>, out: &mut [f32]|),
            q4_k: here!(q4_k, |row: &[u8], columns: &Columns<'_>, out: &mut [f32]|),
            round: here!(round, |numbers: &[f32], bytes: &mut [i8], scales: &mut [f32], sums: &mut [f32]|),
            scores_f32: here!(scores_f32, |query: &[f32], keys: &[f32], scores: &mut [f32]|),
            gather_f32: here!(gather_f32, |shares: &[f32], values: &[f32], sum: &mut [f32]|),
            scores_f16: here!(scores_f16, |query: &[f32], keys: &[u16], scores: &mut [f32]|),
            gather_f16: here!(gather_f16, |shares: &[f32], values: &[u16], sum: &mut [f32]|),
            scores_q8: here!(scores_q8, |query: &[f32], keys: &[i8], scales: &[u16], scores: &mut [f32]|),
            gather_q8: here!(gather_q8, |shares: &[f32], values: &[i8], scales: &[u16], sum: &mut [f32]|),
            softmax: here!(softmax, |scores: &mut [f32]|),
            to_f16: here!(to_f16, |numbers: &[f32], halves: &mut [u16]|),
            silu: here!(silu, |gate: &mut [f32], up: &[f32]|),
        }
    };
}
pub(super) use table;

/// The loops that the compiler makes vector instructions of by itself, compiled for certain ones. The number is how many
/// columns of floats there are registers for.
macro_rules! lanes_for {
    ($features:literal, $at_once:literal) => {
        #[target_feature(enable = $features)]
        fn f32_row(row: &[u8], columns: &[&[f32]], out: &mut [f32]) {
            lanes::f32_times::<Fused, $at_once>(row, columns, out);
        }

        #[target_feature(enable = $features)]
        fn bf16_row(row: &[u8], columns: &[&[f32]], out: &mut [f32]) {
            times(columns, out, |column| lanes::dot::<Fused, 2>(row, column, lanes::widen_bf16));
        }

        #[target_feature(enable = $features)]
        fn round(numbers: &[f32], bytes: &mut [i8], scales: &mut [f32], sums: &mut [f32]) {
            lanes::round(numbers, bytes, scales, sums);
        }

        #[target_feature(enable = $features)]
        fn softmax(scores: &mut [f32]) {
            lanes::softmax::<Fused>(scores);
        }

        #[target_feature(enable = $features)]
        fn scores_f32(query: &[f32], keys: &[f32], scores: &mut [f32]) {
            lanes::scores_f32::<Fused>(query, keys, scores);
        }

        #[target_feature(enable = $features)]
        fn gather_f32(shares: &[f32], values: &[f32], sum: &mut [f32]) {
            lanes::gather_f32::<Fused>(shares, values, sum);
        }

        #[target_feature(enable = $features)]
        fn silu(gate: &mut [f32], up: &[f32]) {
            lanes::silu::<Fused>(gate, up);
        }
    };
}
pub(super) use lanes_for;
