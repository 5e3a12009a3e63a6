// SPDX-License-Identifier: Apache-2.0

/// What a person or a fault does to a station while it runs.
///
/// In JSON: `{"freeze": true}`, `{"slow": 3}`, `{"error": {"status": 503, "rate": 0.5}}`; all of them may stand
/// together, and `{}` is a station left alone.
package struct StationControl: Sendable, Equatable, Codable {
    /// Answers a share of the requests on arrival, without service.
    package struct Failure: Sendable, Equatable, Codable {
        /// 400…599.
        package var status: Int
        /// Share of the requests, 0…1.
        package var rate: Double

        package init(status: Int, rate: Double) {
            self.status = status
            self.rate = rate
        }
    }

    /// Nothing is served; requests in service are held with the work that they still need, and others queue up.
    package var freeze: Bool?
    /// How many times longer service takes from now on, at least 1, also for requests in service.
    package var slow: Double?
    package var error: Failure?

    package init(freeze: Bool? = nil, slow: Double? = nil, error: Failure? = nil) {
        self.freeze = freeze
        self.slow = slow
        self.error = error
    }

    package static let slowRange = 1.0...1_000_000

    /// Work done per nanosecond: 1, less when slowed, 0 when frozen.
    package var speed: Double { freeze == true ? 0 : 1 / (slow ?? 1) }

    /// What is wrong with the values, in a sentence; nil when all is well.
    package var problem: String? {
        if let slow, !Self.slowRange.contains(slow) { return "'slow' is \(slow); it lies between 1 and 1000000" }
        if let error, !(400...599).contains(error.status) {
            return "'status' is \(error.status); it lies between 400 and 599"
        }
        if let error, !(0...1).contains(error.rate) { return "'rate' is \(error.rate); it lies between 0 and 1" }
        return nil
    }
}
