// SPDX-License-Identifier: Apache-2.0

package import Measurement

extension ThresholdResult {
    /// What stands in a table beside the expression: the measured value, or why nothing could be shown.
    package var words: String {
        guard let problem else { return measured }
        return "not judged: " + problem + (measured == Format.missing ? "" : " (\(measured))")
    }
}
