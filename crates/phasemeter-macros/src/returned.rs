//! What a function returns, as far as its signature says so. Only syntax is seen: an alias of a future is no future.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{AssocType, GenericArgument, Path, PathArguments, ReturnType, Token, Type, TypeInfer, TypeParamBound};

/// What a body returns.
pub(crate) enum Value {
    /// A type that can be written inside the body; every `impl Trait` within is left to the compiler, as `_`.
    Named(Box<Type>),
    /// `impl Trait` as a whole, which cannot be written inside the body, and `!`, of which there is no value.
    Unnamed(Box<Type>),
    /// No return type: `()`.
    Unit,
}

impl Value {
    pub(crate) fn of(output: &ReturnType) -> Self {
        match output {
            ReturnType::Default => Self::Unit,
            ReturnType::Type(_, output) => match inner(output) {
                Type::ImplTrait(_) => Self::Unnamed(Box::new(hole())),
                Type::Never(_) => Self::Unnamed(output.clone()),
                named => {
                    let mut named = named.clone();
                    leave_holes(&mut named);
                    Self::Named(Box::new(named))
                }
            },
        }
    }
}

/// A future in the place of a function's return type.
pub(crate) enum Future {
    /// `Pin<Box<dyn Future<Output = R>>>` or the like, with its `R`.
    Boxed(Box<Type>),
    Other,
}

impl Future {
    pub(crate) fn of(output: &ReturnType) -> Option<Self> {
        match output {
            ReturnType::Default => None,
            ReturnType::Type(_, output) => Self::of_type(output),
        }
    }

    fn of_type(output: &Type) -> Option<Self> {
        match inner(output) {
            Type::Path(path) => {
                let last = path.path.segments.last()?;
                let argument = type_arguments(&last.arguments);
                match last.ident.to_string().as_str() {
                    "Pin" | "Box" => Self::of_type(argument.first()?),
                    "BoxFuture" | "LocalBoxFuture" => {
                        Some(argument.last().map_or(Self::Other, |&output| Self::Boxed(Box::new((*output).clone()))))
                    }
                    _ => None,
                }
            }
            Type::TraitObject(object) => {
                let bound = object.bounds.iter().find_map(future_bound)?;
                Some(bound_output(bound).map_or(Self::Other, |output| Self::Boxed(Box::new(output))))
            }
            Type::ImplTrait(opaque) => opaque.bounds.iter().find_map(future_bound).map(|_| Self::Other),
            _ => None,
        }
    }
}

/// The type without the parentheses and invisible groups around it.
fn inner(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => inner(&group.elem),
        Type::Paren(paren) => inner(&paren.elem),
        ty => ty,
    }
}

fn hole() -> Type {
    Type::Infer(TypeInfer { attrs: Vec::new(), underscore_token: Token![_](Span::mixed_site()) })
}

/// Replaces every `impl Trait` by `_`, and a part that hides one elsewhere (in a bound, say) by `_` as a whole.
fn leave_holes(ty: &mut Type) {
    match ty {
        Type::Path(path) => {
            for segment in &mut path.path.segments {
                if let PathArguments::AngleBracketed(arguments) = &mut segment.arguments {
                    for argument in &mut arguments.args {
                        if let GenericArgument::Type(ty) = argument {
                            leave_holes(ty);
                        }
                    }
                }
            }
        }
        Type::Tuple(tuple) => tuple.elems.iter_mut().for_each(leave_holes),
        Type::Reference(reference) => leave_holes(&mut reference.elem),
        Type::Array(array) => leave_holes(&mut array.elem),
        Type::Slice(slice) => leave_holes(&mut slice.elem),
        Type::Group(group) => leave_holes(&mut group.elem),
        Type::Paren(paren) => leave_holes(&mut paren.elem),
        _ => {}
    }
    if holds_impl(ty.to_token_stream()) {
        *ty = hole();
    }
}

fn holds_impl(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == "impl",
        TokenTree::Group(group) => holds_impl(group.stream()),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

fn type_arguments(arguments: &PathArguments) -> Vec<&Type> {
    let PathArguments::AngleBracketed(arguments) = arguments else { return Vec::new() };
    let types = arguments
        .args
        .iter()
        .filter_map(|argument| if let GenericArgument::Type(ty) = argument { Some(ty) } else { None });
    types.collect()
}

fn future_bound(bound: &TypeParamBound) -> Option<&Path> {
    match bound {
        TypeParamBound::Trait(bound) if bound.path.segments.last()?.ident == "Future" => Some(&bound.path),
        _ => None,
    }
}

/// The `R` of `Future<Output = R>`.
fn bound_output(bound: &Path) -> Option<Type> {
    let PathArguments::AngleBracketed(arguments) = &bound.segments.last()?.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::AssocType(AssocType { ident, ty, .. }) if ident == "Output" => Some(ty.clone()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(output: &str, value: &str, future: &str) {
        let output: ReturnType = syn::parse_str(output).unwrap();
        let seen_value = match Value::of(&output) {
            Value::Named(ty) => ty.to_token_stream().to_string(),
            Value::Unnamed(ty) => format!("unnamed {}", ty.to_token_stream()),
            Value::Unit => "unit".to_owned(),
        };
        let seen_future = match Future::of(&output) {
            Some(Future::Boxed(output)) => output.to_token_stream().to_string(),
            Some(Future::Other) => "other".to_owned(),
            None => "none".to_owned(),
        };
        assert_eq!([seen_value.as_str(), seen_future.as_str()], [value, future]);
    }

    #[test]
    fn impl_trait_leaves_a_hole() {
        check("", "unit", "none");
        check("-> !", "unnamed !", "none");
        check("-> impl Iterator<Item = u8> + '_", "unnamed _", "none");
        check("-> Result<impl Display, E>", "Result < _ , E >", "none");
        check("-> (u8, [impl A; 2], &'a impl B)", "(u8 , [_ ; 2] , & 'a _)", "none");
        check("-> Box<dyn Iterator<Item = impl A>>", "Box < _ >", "none");
        check("-> io::Result<()>", "io :: Result < () >", "none");
    }

    #[test]
    fn futures_are_seen() {
        check("-> impl Future<Output = u8> + Send", "unnamed _", "other");
        check("-> Box<dyn Send + Future<Output = u8>>", "Box < dyn Send + Future < Output = u8 > >", "u8");
        check("-> Pin<Box<impl Future<Output = u8>>>", "Pin < Box < _ > >", "other");
        check("-> BoxFuture<'static, Result<(), E>>", "BoxFuture < 'static , Result < () , E > >", "Result < () , E >");
    }
}
