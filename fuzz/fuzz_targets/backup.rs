#![no_main]

use paperclip_fuzz_targets::TARGETS;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(target) = TARGETS.iter().find(|target| target.name == "backup") {
        (target.run)(bytes);
    }
});
