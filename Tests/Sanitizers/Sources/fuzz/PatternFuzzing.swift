// SPDX-License-Identifier: Apache-2.0

@testable internal import Patterns

/// What is no pattern is refused, and what a pattern finds lies inside of the text, the group inside of the match.
///
/// The first byte of the input is the length of the pattern, which comes behind it; the rest is searched.
enum PatternFuzzing {
    static func play(_ input: UnsafeRawBufferPointer) {
        guard let length = input.first else { return }
        let source = String(decoding: input.dropFirst().prefix(Int(length)), as: UTF8.self)
        guard let pattern = try? Pattern(source) else { return }
        precondition(pattern.program.count <= Pattern.maximumInstructions)
        let matcher = PatternMatcher(pattern)
        withExactCopy(input.dropFirst(1 + Int(length))) { text in
            let match = matcher.firstMatch(in: text)
            precondition(match == matcher.firstMatch(in: text))
            guard let match else { return }
            precondition(match.whole.lowerBound >= 0 && match.whole.upperBound <= text.count)
            guard let group = match.group else { return }
            precondition(pattern.hasGroup && match.whole.lowerBound <= group.lowerBound)
            precondition(group.upperBound <= match.whole.upperBound)
        }
    }
}
