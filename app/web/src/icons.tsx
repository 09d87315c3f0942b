import type { JSX } from "solid-js";

const Icon = (props: { children: JSX.Element }) => (
  <svg
    class="icon"
    viewBox="0 0 24 24"
    fill="none"
    stroke="currentColor"
    stroke-width="2"
    stroke-linecap="round"
    stroke-linejoin="round"
    aria-hidden="true"
  >
    {props.children}
  </svg>
);

export const BackIcon = () => <Icon><path d="M15 5l-7 7 7 7" /></Icon>;
export const EditIcon = () => <Icon><path d="M4 20h4L19 9l-4-4L4 16v4M13 7l4 4" /></Icon>;
export const RemoveIcon = () => <Icon><path d="M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5" /></Icon>;
export const ShareIcon = () => (
  <Icon>
    <circle cx="9" cy="8" r="3.5" />
    <path d="M2.5 20c.5-4 3-6 6.500-6 1.500 0 2.800.4 3.800 1.100M18 13v6M15 16h6" />
  </Icon>
);
export const LeaveIcon = () => <Icon><path d="M10 4H5v16h5M14 8l4 4-4 4M18 12H9" /></Icon>;
export const PlusIcon = () => <Icon><path d="M12 5v14M5 12h14" /></Icon>;
export const CloseIcon = () => <Icon><path d="M6 6l12 12M18 6L6 18" /></Icon>;

export const InstallIcon = () => <Icon><path d="M12 4v11M7.500 11l4.500 4.500 4.500-4.500M5 20h14" /></Icon>;
export const PersonIcon = () => (
  <Icon>
    <circle cx="12" cy="8" r="3.800" />
    <path d="M4.500 20.500c.8-4 3.600-6.200 7.500-6.200s6.700 2.200 7.500 6.200" />
  </Icon>
);
export const SearchIcon = () => <Icon><circle cx="10.5" cy="10.5" r="6" /><path d="M15 15l5 5" /></Icon>;
export const AgainIcon = () => <Icon><path d="M4 12a8 8 0 1 0 2.500-5.800M4 4v4h4M12 8v4l3 2" /></Icon>;
export const ArchiveIcon = () => <Icon><path d="M4 5h16v4H4zM5.500 9v10h13V9M10 13h4" /></Icon>;
export const AislesIcon = () => <Icon><path d="M4 6h10M4 12h10M4 18h6M18 5v13M15 15.500l3 3 3-3" /></Icon>;
export const HandIcon = () => <Icon><path d="M8 5v14M5 8l3-3 3 3M16 19V5M13 16l3 3 3-3" /></Icon>;
export const ExpandIcon = () => <Icon><path d="M6 9l6 6 6-6" /></Icon>;
export const GripIcon = () => (
  <Icon>
    <path d="M9 6h.01M15 6h.01M9 12h.01M15 12h.01M9 18h.01M15 18h.01" />
  </Icon>
);

export const Mark = () => (
  <svg class="mark" viewBox="0 0 512 512" aria-hidden="true">
    <rect width="512" height="512" rx="112" fill="#2f7d43" />
    <g fill="none" stroke="#fff" stroke-linecap="round" stroke-linejoin="round" stroke-width="34">
      <path d="M112 152l30 30 52-58M112 270l30 30 52-58M260 160h140M260 278h140M260 392h140" />
      <circle cx="152" cy="392" r="28" />
    </g>
  </svg>
);
