// SPDX-License-Identifier: Apache-2.0

/// A regular expression over bytes, compiled for a search whose time is linear in the input.
///
/// The usual syntax: literals, `.`, classes with ranges, `\d \w \s \b` and their opposites, `^ $`, groups, `|`, `* + ? {n,m}`, their lazy
/// forms, and `(?i)` at the start. `.` is any byte but a line feed, `^` and `$` are the ends of the input. The first group is
/// what a search reports beside the whole match. No back references and no look-around: they are what makes other engines
/// explode. Texts outside ASCII match as their UTF-8; they can't stand in classes.
package struct Pattern: Sendable, Equatable {
    /// Why a text is not a pattern.
    package struct Malformed: Error, Equatable {
        package var message: String
        /// Where, in Unicode scalars from the start.
        package var offset: Int
    }

    enum Assertion: UInt8, BitwiseCopyable { case start, end, wordBoundary, noWordBoundary }

    /// One instruction of a machine that follows all ways at once (Thompson 1968; Pike's variant with positions).
    enum Instruction: Sendable, Equatable, BitwiseCopyable {
        case bytes(ByteSet)
        /// Goes on at both, rather at the first.
        case split(Int32, Int32)
        case jump(Int32)
        /// Keeps the position: 0 and 1 are the whole match, 2 and 3 the first group.
        case save(Int32)
        case assert(Assertion)
        case match
    }

    /// Most instructions of a pattern; repetitions with numbers are written out.
    static let maximumInstructions = 2_000

    /// As it was written.
    package let source: String
    let program: [Instruction]
    /// Whether there is a group.
    package let hasGroup: Bool

    package init(_ source: String) throws(Malformed) {
        var parser = PatternParser(source)
        let node = try parser.parse()
        var compiler = PatternCompiler(ignoresCase: parser.ignoresCase)
        compiler.emit(.save(0))
        compiler.add(node)
        compiler.emit(.save(1))
        compiler.emit(.match)
        guard compiler.program.count <= Self.maximumInstructions else {
            throw Malformed(message: "the pattern is too large; use smaller numbers of repetitions", offset: 0)
        }
        self.source = source
        program = compiler.program
        hasGroup = parser.groups > 0
    }
}

/// A pattern as it was parsed.
indirect enum PatternNode {
    case empty
    case bytes(ByteSet)
    case assert(Pattern.Assertion)
    case sequence([PatternNode])
    case choice([PatternNode])
    case repeated(PatternNode, least: Int, most: Int?, isGreedy: Bool)
    /// The first group.
    case captured(PatternNode)
}

struct PatternCompiler {
    let ignoresCase: Bool
    private(set) var program: [Pattern.Instruction] = []

    init(ignoresCase: Bool) { self.ignoresCase = ignoresCase }

    /// Beyond the limit nothing more is written out: the pattern is refused anyway.
    private var isFull: Bool { program.count > Pattern.maximumInstructions }

    mutating func emit(_ instruction: Pattern.Instruction) { program.append(instruction) }

    private var here: Int32 { Int32(program.count) }

    mutating func add(_ node: PatternNode) {
        if isFull { return }
        switch node {
        case .empty: break
        case .bytes(let set): emit(.bytes(ignoresCase ? set.ignoringCase : set))
        case .assert(let assertion): emit(.assert(assertion))
        case .sequence(let nodes): for node in nodes { add(node) }
        case .captured(let node):
            emit(.save(2))
            add(node)
            emit(.save(3))
        case .choice(let nodes):
            var ends: [Int] = []
            for (index, node) in nodes.enumerated() {
                guard index < nodes.count - 1 else {
                    add(node)
                    break
                }
                let split = program.count
                emit(.split(here + 1, 0))
                add(node)
                ends.append(program.count)
                emit(.jump(0))
                program[split] = .split(Int32(split + 1), here)
            }
            for end in ends { program[end] = .jump(here) }
        case .repeated(let node, let least, let most, let isGreedy):
            for _ in 0..<least {
                if isFull { return }
                let before = program.count
                add(node)
                // What is empty once is empty any number of times, and in each other these numbers would multiply.
                if program.count == before { break }
            }
            if let most {
                var splits: [Int] = []
                for _ in least..<most {
                    if isFull { return }
                    splits.append(program.count)
                    emit(.split(0, 0))
                    add(node)
                }
                for split in splits { program[split] = Self.split(Int32(split + 1), here, isGreedy) }
            } else {
                let split = program.count
                emit(.split(0, 0))
                add(node)
                emit(.jump(Int32(split)))
                program[split] = Self.split(Int32(split + 1), here, isGreedy)
            }
        }
    }

    private static func split(_ body: Int32, _ rest: Int32, _ isGreedy: Bool) -> Pattern.Instruction {
        isGreedy ? .split(body, rest) : .split(rest, body)
    }
}
