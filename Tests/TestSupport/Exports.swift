// SPDX-License-Identifier: Apache-2.0

// What users of the library test with is what the project's own tests use.
@_exported public import ResilienceTesting
