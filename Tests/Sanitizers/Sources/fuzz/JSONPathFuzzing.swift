// SPDX-License-Identifier: Apache-2.0

@testable internal import LoadGenerator

/// What a path finds lies inside of the text.
///
/// The first byte of the input chooses among paths as captures have them.
enum JSONPathFuzzing {
    private enum Component {
        case key(StaticString)
        case index(Int)
    }

    private static let paths: [[Component]] = [
        [.key("id")], [.key("items"), .index(0), .key("id")], [.index(-1)], [.key("a"), .key("b"), .index(2)], [],
    ]

    static func play(_ input: UnsafeRawBufferPointer) {
        guard let choice = input.first else { return }
        let path = paths[Int(choice) % paths.count].map { component -> JSONPathComponent in
            switch component {
            case .key(let key): .key(UnsafeRawBufferPointer(start: key.utf8Start, count: key.utf8CodeUnitCount))
            case .index(let index): .index(index)
            }
        }
        withExactCopy(input.dropFirst()) { text in
            path.withUnsafeBufferPointer { path in
                switch JSONScanner.find(path, in: text) {
                case .string(let range), .raw(let range):
                    precondition(range.lowerBound >= 0 && range.upperBound <= text.count)
                case .null, nil: break
                }
            }
        }
    }
}
