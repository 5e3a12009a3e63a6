// SPDX-License-Identifier: Apache-2.0

/// The labels of a metric. All metrics have the same first three, whoever exports them: a pipeline, one of its
/// partitions, or a policy by itself. Some backends take it for an error when a name comes with other labels than
/// before. What there is none of is an empty string, which Prometheus takes for no label.
struct MetricLabels: Sendable {
    /// The name of the pipeline, or of a policy that stands by itself.
    let name: String
    /// Which of the name's partitions it is; empty where there are none.
    let partition: String

    init(name: String, partition: String = "") {
        self.name = name
        self.partition = partition
    }

    /// The labels of what one policy exports.
    ///
    /// - Parameters:
    ///   - policy: As configuration calls it; empty for what is about the whole pipeline.
    ///   - others: Those that only this metric has.
    func of(_ policy: String, _ others: (String, String)...) -> [(String, String)] {
        of(policy, others)
    }

    func of(_ policy: String, _ others: [(String, String)]) -> [(String, String)] {
        [("policy", policy), ("name", name), ("partition", partition)] + others
    }

    func of(_ policy: PolicyKind, _ others: (String, String)...) -> [(String, String)] {
        of(policy.rawValue, others)
    }
}
