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

export const Mark = () => (
  <svg class="mark" viewBox="0 0 512 512" aria-hidden="true">
    <rect width="512" height="512" rx="112" fill="#2f7d43" />
    <g fill="none" stroke="#fff" stroke-linecap="round" stroke-linejoin="round" stroke-width="34">
      <path d="M112 152l30 30 52-58M112 270l30 30 52-58M260 160h140M260 278h140M260 392h140" />
      <circle cx="152" cy="392" r="28" />
    </g>
  </svg>
);
