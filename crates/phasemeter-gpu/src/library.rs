//! The driver's library: how it is entered, and what its refusals mean.

use std::path::Path;
use std::sync::Arc;

use nvml_wrapper::Nvml;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper_sys::bindings::{
    nvmlReturn_enum_NVML_ERROR_ARGUMENT_VERSION_MISMATCH as OF_ANOTHER_VERSION,
    nvmlReturn_enum_NVML_ERROR_DEPRECATED as DEPRECATED, nvmlReturn_enum_NVML_ERROR_GPU_NOT_FOUND as GPU_NOT_FOUND,
    nvmlReturn_enum_NVML_ERROR_NOT_READY as NOT_READY,
};
use phasemeter_collect::Error;

use crate::NAME;

/// Why the library was not entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is none, or no driver, or it is not for us.
    Absent(String),
    /// It failed.
    Failed(String),
    /// It is no library that could be left again: asking once more makes no difference.
    Unusable(String),
}

impl Refusal {
    pub(crate) fn error(&self) -> Error {
        match self {
            Self::Absent(reason) => Error::absent(NAME, reason),
            Self::Failed(reason) | Self::Unusable(reason) => Error::failed(NAME, reason),
        }
    }
}

/// Enters the library at this path, or where it usually is.
pub(crate) fn enter(path: Option<&Path>) -> Result<Arc<Nvml>, Refusal> {
    let mut builder = Nvml::builder();
    if let Some(path) = path {
        builder.lib_path(path.as_os_str());
    }
    match builder.init() {
        Ok(nvml) if nvml.lib().nvmlShutdown.is_ok() => Ok(Arc::new(nvml)),
        Ok(nvml) => {
            // Without this function nvml-wrapper panics where it leaves the library.
            std::mem::forget(nvml);
            Err(Refusal::Unusable("the driver's library has no nvmlShutdown".to_owned()))
        }
        Err(error) => Err(refusal(error, path)),
    }
}

fn refusal(error: NvmlError, path: Option<&Path>) -> Refusal {
    let reason = match path {
        Some(path) => format!("{error} ({})", path.display()),
        None => error.to_string(),
    };
    match error {
        NvmlError::LibloadingError(_) => Refusal::Absent(format!("cannot load the driver's library: {reason}")),
        NvmlError::DriverNotLoaded
        | NvmlError::LibraryNotFound
        | NvmlError::NoPermission
        | NvmlError::UnexpectedVariant(GPU_NOT_FOUND) => Refusal::Absent(reason),
        _ => Refusal::Failed(reason),
    }
}

/// What an answer that is none means for the questions to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// This device never answers this one.
    Unsupported,
    /// There is nothing to tell just now: no failure.
    Nothing,
    /// Nobody knows: the next answer may be a good one.
    Failed,
    /// This device answers nothing any more.
    Lost,
    /// The library has to be entered anew.
    Over,
}

pub(crate) fn meaning(error: &NvmlError) -> Meaning {
    match error {
        // Drivers before a field was thought of call it an invalid argument.
        NvmlError::NotSupported
        | NvmlError::InvalidArg
        | NvmlError::NoPermission
        | NvmlError::FunctionNotFound
        | NvmlError::FailedToLoadSymbol(_)
        | NvmlError::VgpuEccNotSupported
        | NvmlError::UnexpectedVariant(OF_ANOTHER_VERSION | DEPRECATED) => Meaning::Unsupported,
        NvmlError::NoData | NvmlError::NotFound | NvmlError::UnexpectedVariant(NOT_READY) => Meaning::Nothing,
        NvmlError::GpuLost | NvmlError::ResetRequired => Meaning::Lost,
        NvmlError::Uninitialized
        | NvmlError::DriverNotLoaded
        | NvmlError::LibraryNotFound
        | NvmlError::LibRmVersionMismatch => Meaning::Over,
        _ => Meaning::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_told_apart_from_what_failed() {
        let missing = enter(Some("/there is no such library".as_ref())).expect_err("nothing to load");
        assert!(missing.error().is_no_data() && missing.error().to_string().contains("no such library"), "{missing:?}");
        for (error, is_absent) in [
            (NvmlError::DriverNotLoaded, true),
            (NvmlError::NoPermission, true),
            (NvmlError::UnexpectedVariant(28), true),
            (NvmlError::LibRmVersionMismatch, false),
            (NvmlError::Unknown, false),
        ] {
            let said = error.to_string();
            let refusal = refusal(error, None).error();
            assert_eq!(refusal.is_no_data(), is_absent, "{refusal}");
            assert_eq!(refusal.to_string(), format!("gpu: {said}"));
        }
    }

    #[test]
    fn one_device_that_is_lost_is_not_the_whole_library() {
        assert_eq!(meaning(&NvmlError::GpuLost), Meaning::Lost);
        assert_eq!(meaning(&NvmlError::Uninitialized), Meaning::Over);
        assert_eq!(meaning(&NvmlError::NotSupported), Meaning::Unsupported);
        assert_eq!(meaning(&NvmlError::UnexpectedVariant(26)), Meaning::Unsupported);
        assert_eq!(meaning(&NvmlError::UnexpectedVariant(27)), Meaning::Nothing);
        assert_eq!(meaning(&NvmlError::UnexpectedVariant(1_000)), Meaning::Failed);
        assert_eq!(meaning(&NvmlError::NotFound), Meaning::Nothing);
        assert_eq!(meaning(&NvmlError::Timeout), Meaning::Failed);
    }
}
