//! What stands in the parentheses of the attribute: `#[phase(PHASE, items = …, bytes = …, item = …, crate = …)]`.

use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Expr, Ident, Lit, Path, Result, Token};

const KEYS: &str = "the keys are `items`, `bytes`, `item` and `crate`";

pub(crate) struct Arguments {
    pub(crate) phase: Expr,
    pub(crate) items: Option<Expr>,
    pub(crate) bytes: Option<Expr>,
    /// What names the item in hand.
    pub(crate) item: Option<Expr>,
    /// The path of the `phasemeter` crate; `::phasemeter` where none is given.
    pub(crate) home: Option<Path>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut arguments = Self { phase: phase(input)?, items: None, bytes: None, item: None, home: None };
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            if !input.is_empty() {
                arguments.pair(input)?;
            }
        }
        Ok(arguments)
    }
}

impl Arguments {
    fn pair(&mut self, input: ParseStream<'_>) -> Result<()> {
        if !input.peek(Ident::peek_any) {
            return Err(Error::new(input.span(), format!("expected `key = value`; {KEYS}")));
        }
        let key = input.call(Ident::parse_any)?;
        match key.to_string().as_str() {
            "items" => value(&key, input, &mut self.items),
            "bytes" => value(&key, input, &mut self.bytes),
            "item" => value(&key, input, &mut self.item),
            "crate" => value(&key, input, &mut self.home),
            unknown => Err(Error::new(key.span(), format!("unknown key `{unknown}`; {KEYS}"))),
        }
    }
}

fn phase(input: ParseStream<'_>) -> Result<Expr> {
    let starts_with_key = input.peek(Ident::peek_any) && input.peek2(Token![=]) && !input.peek2(Token![==]);
    if input.is_empty() || starts_with_key {
        return Err(Error::new(
            input.span(),
            "the phase is missing; it comes first: `#[phase(EMBED, items = docs.len())]`",
        ));
    }
    let phase = input.parse()?;
    match phase {
        Expr::Lit(literal) => {
            let name = if let Lit::Str(name) = &literal.lit { name.value() } else { "embed".to_owned() };
            let message = format!(
                "a phase is a value, not its name: `static PHASE: Phase = Phase::new({name:?});` and `#[phase(PHASE)]`"
            );
            Err(Error::new_spanned(literal, message))
        }
        phase => Ok(phase),
    }
}

fn value<T: Parse>(key: &Ident, input: ParseStream<'_>, slot: &mut Option<T>) -> Result<()> {
    if slot.is_some() {
        return Err(Error::new(key.span(), format!("`{key}` is given twice")));
    }
    if !input.peek(Token![=]) {
        return Err(Error::new(key.span(), format!("`{key}` needs a value: `{key} = …`")));
    }
    input.parse::<Token![=]>()?;
    *slot = Some(input.parse()?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use quote::ToTokens;

    use super::*;

    #[track_caller]
    fn check(arguments: &str, expected: &str) {
        let shown = match syn::parse_str::<Arguments>(arguments) {
            Ok(Arguments { phase, items, bytes, item, home }) => {
                let [items, bytes, item] = [items, bytes, item].map(|argument| argument.to_token_stream());
                format!("{} | {items} | {bytes} | {item} | {}", phase.to_token_stream(), home.to_token_stream())
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn the_phase_alone_is_enough() {
        check("EMBED", "EMBED |  |  |  | ");
        check("crate::phases::EMBED,", "crate :: phases :: EMBED |  |  |  | ");
        check("PHASES[0]", "PHASES [0] |  |  |  | ");
    }

    #[test]
    fn keys_come_in_any_order() {
        check("A, items = x.len()", "A | x . len () |  |  | ");
        check(
            "A, crate = ::my::meter, item = doc.id, bytes = n * 2, items = 1",
            "A | 1 | n * 2 | doc . id | :: my :: meter",
        );
    }

    #[test]
    fn a_missing_phase_is_named() {
        check("", "the phase is missing; it comes first: `#[phase(EMBED, items = docs.len())]`");
        check("items = 3", "the phase is missing; it comes first: `#[phase(EMBED, items = docs.len())]`");
        check("crate = x", "the phase is missing; it comes first: `#[phase(EMBED, items = docs.len())]`");
    }

    #[test]
    fn a_name_is_no_phase() {
        check(
            r#""load""#,
            r#"a phase is a value, not its name: `static PHASE: Phase = Phase::new("load");` and `#[phase(PHASE)]`"#,
        );
    }

    #[test]
    fn wrong_keys_are_named() {
        check("A, itens = 3", "unknown key `itens`; the keys are `items`, `bytes`, `item` and `crate`");
        check("A, B", "unknown key `B`; the keys are `items`, `bytes`, `item` and `crate`");
        check("A, 3", "expected `key = value`; the keys are `items`, `bytes`, `item` and `crate`");
        check("A, items = 1, items = 2", "`items` is given twice");
        check("A, crate = a, crate = b", "`crate` is given twice");
        check("A, items", "`items` needs a value: `items = …`");
    }
}
